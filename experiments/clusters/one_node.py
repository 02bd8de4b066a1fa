"""A SLURM of one node, in a folder of its own and as whoever runs it: no root, no cgroups.

Needs Debian's packages slurm-wlm and munge (apt-get install slurm-wlm munge).
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONF = """
ClusterName=mu
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={other}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={top}/munge.socket
StateSaveLocation={top}/state
SlurmdSpoolDir={top}/spool
SlurmctldPidFile={top}/slurmctld.pid
SlurmdPidFile={top}/slurmd.pid
SlurmctldLogFile={top}/slurmctld.log
SlurmdLogFile={top}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
KillWait=5
SchedulerParameters=sched_interval=2,bf_interval=2,requeue_delay=1
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=mu Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""
SBIN = "/usr/sbin:/sbin:"


def there() -> bool:
    """Whether SLURM and munge are installed."""
    return all(
        shutil.which(name, path=SBIN + os.environ["PATH"])
        for name in ("slurmctld", "slurmd", "sbatch", "munged")
    )


def free_port() -> int:
    """A port of this machine that nothing listens at."""
    with socket.create_server(("", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def one_node(top: Path, cpus: int) -> Iterator[None]:
    """Start munge, the controller and a node of ``cpus`` CPUs; they end with the block."""
    os.environ["PATH"] = SBIN + os.environ["PATH"]
    os.environ["SLURM_CONF"] = str(top / "slurm.conf")
    for name in ("state", "spool"):
        (top / name).mkdir(mode=0o755)
    (top / "munge.key").write_bytes(os.urandom(128))
    (top / "munge.key").chmod(0o600)
    user = subprocess.check_output(["id", "-un"], text=True).strip()
    text = CONF.format(
        host=socket.gethostname(), top=top, user=user, cpus=cpus, port=free_port(),
        other=free_port(),
    )  # fmt: skip
    (top / "slurm.conf").write_text(text)
    munge = ["munged", "--foreground", "--force", f"--socket={top}/munge.socket"]
    for name, file in {"key": "key", "pid": "pid", "seed": "seed", "log": "log"}.items():
        munge.append(f"--{name}-file={top}/munge.{file}")
    started = []
    try:
        for command in (munge, ["slurmctld", "-D"], ["slurmd", "-D"]):
            with (top / f"{command[0]}.out").open("wb") as log:
                started.append(subprocess.Popen(command, stdout=log, stderr=log))
            time.sleep(1)
        wait_for_node()
        yield
    finally:
        for process in reversed(started):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_for_node() -> None:
    """Until the node takes jobs."""
    for _ in range(120):
        state = subprocess.run(
            ["sinfo", "--noheader", "--format=%T"], capture_output=True, text=True
        ).stdout.strip()
        if state == "idle":
            return
        time.sleep(0.5)
    raise SystemExit(f"SLURM does not start: the node is {state or 'not there'}")


def requeue(number: str) -> None:
    """Take a job away as a preemption does, and have it begin again at once.

    SLURM lets a requeued job wait for two minutes, which shows nothing.
    """
    subprocess.run(["scontrol", "requeue", number], check=True)
    for _ in range(120):
        command = ["squeue", "--noheader", "--format=%T", f"--jobs={number}"]
        if subprocess.check_output(command, text=True).strip() == "PENDING":
            subprocess.run(["scontrol", "update", f"JobId={number}", "StartTime=now"], check=True)
            return
        time.sleep(0.5)
    raise SystemExit(f"job {number} was requeued and does not wait")
