"""Processes that outlive the daemon: started, adopted, restarted and stopped by a small shim."""
