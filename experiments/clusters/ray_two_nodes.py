"""The same table on a real Ray cluster of two nodes as on the local pool; a node lost, stopped.

pip install 'mu[ray]'
python experiments/clusters/ray_two_nodes.py
"""

import os
import sys
import tempfile
from pathlib import Path

from compared import begun, finished, refused, same, stopped, until
from ray.cluster_utils import Cluster

LONG = ("recipe.epochs=8", "compute.checkpoint_seconds=0")  # a checkpoint an epoch


def main() -> None:
    """Compare."""
    os.environ["RAY_DEDUP_LOGS"] = "0"
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if sys.argv[1:] else None) as folder:
        top = Path(folder)
        nodes = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
        ray = Cluster(initialize_head=True, head_node_args=nodes)
        other = ray.add_node(num_cpus=1, object_store_memory=80_000_000)
        words = ["compute=ray", f"compute.address={ray.address}"]

        def lose() -> None:
            until(lambda: begun(top / "lost.store"), "a checkpoint")
            ray.remove_node(other, allow_graceful=False)
            print("a node is lost within a training", flush=True)

        try:
            here = finished(top, "local", ["compute.workers=2"])
            same(here, finished(top, "ray", words), "Ray")
            long = finished(top, "long", [*LONG, "compute.workers=2"])
            same(long, finished(top, "lost", [*LONG, *words], lose), "a lost node")
            stopped(top, "stopped", [*LONG, *words])
            refused(top, "wrong", ["compute=ray", "compute.address=127.0.0.1:9"])
        finally:
            ray.shutdown()


if __name__ == "__main__":
    main()
