"""The systemd unit that runs the service on this machine, with as few rights as it needs.

https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html
"""

import sys
from pathlib import Path

from edgecnn.folder import find
from edgecnn.serve.config import Config
from edgecnn.serve.models import split

TOKEN = "/etc/edgecnn/token"
UNIT = """\
[Unit]
Description=edgecnn: classifies pictures over HTTP
After=network.target

[Service]
Type=exec
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
{token}Restart=on-failure
SuccessExitStatus=143
TimeoutStopSec={stop}
LimitNOFILE=16384
MemoryMax={memory}M
TasksMax=256

DynamicUser=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
UMask=0077

[Install]
WantedBy=multi-user.target
"""
WORKER_MB = 768  # a picture of the largest size takes 400 MB while it is read


def unit(config: Config) -> str:
    """The unit that serves as `config` says. Its token is in a file that only root and systemd read."""
    secret = [] if config.token is None else ["--token-file", "%d/token"]
    token = f"LoadCredential=token:{TOKEN}\n" if secret else ""
    command = " ".join(map(_quoted, _command(config))) + "".join(f" {word}" for word in secret)
    stop = round(config.timeout) + 5
    return UNIT.format(command=command, token=token, stop=stop, memory=WORKER_MB * config.workers)


def _command(config: Config) -> list[str]:
    usual = Config(())
    options = {
        "--host": (config.host, usual.host),
        "--port": (config.port, usual.port),
        "--workers": (config.workers, usual.workers),
        "--max-body": (config.max_body, usual.max_body),
        "--timeout": (config.timeout, usual.timeout),
        "--queue": (config.queue, usual.queue),
        "--batch-window-us": (config.batch_window_us, usual.batch_window_us),
        "--certificate": (config.certificate and config.certificate.resolve(), None),
        "--key": (config.key and config.key.resolve(), None),
    }
    changed = [word for name, (value, default) in options.items() if value != default for word in (name, str(value))]
    quiet = [] if config.log else ["--quiet"]
    return [sys.executable, "-m", "edgecnn", "serve", *map(_model, config.models), *changed, *quiet]


def _model(text: str) -> str:
    """NAME=MODEL with the whole path, for a service that starts in another folder."""
    name, source = split(text)
    return f"{name}={Path(find(source)).resolve()}"


def _quoted(word: str) -> str:
    """As systemd reads a command: https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html"""
    plain = word.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$").replace('"', '\\"')
    return f'"{plain}"' if any(character in plain for character in " ';\\\"") or plain != word else plain
