"""opsbook export: files for other programs."""

import json
import sys
from pathlib import Path

from opsbook.cli import options, output


def systemd() -> None:
    """A unit that brings this project back at boot: save it in /etc/systemd/system."""
    from opsbook.config import load

    chosen = options.current()
    path = chosen.config_path
    config = load(path, environment=chosen.environment or None, resolve=False)
    program = Path(sys.executable).with_name("opsbook")
    common = f"{program} -c {path} -e {config.environment}"
    text = f"""\
[Unit]
Description=Opsbook for {config.project} ({config.environment})
After=network-online.target
Wants=network-online.target

[Service]
Type=exec
WorkingDirectory={path.parent}
ExecStart={common} serve
ExecStartPost={common} up
Restart=always
RestartSec=2
# Instances, the proxy and datastores outlive the daemon.
KillMode=process
# Secrets by environment: one NAME=value a line, readable by root only.
EnvironmentFile=-/etc/opsbook/{config.project}-{config.environment}.env

[Install]
WantedBy=multi-user.target
"""
    output.result({"unit": text}, lambda a: a["unit"].rstrip("\n"))


def schema() -> None:
    """JSON Schema of opsbook.yaml, for editors."""
    from opsbook.config.reference import json_schema

    output.result(json_schema(), lambda a: json.dumps(a, indent=2))
