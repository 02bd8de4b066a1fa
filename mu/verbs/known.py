"""The verbs of the command line, and the module of each."""

VERBS = {
    "run": "mu.verbs.run",
    "plan": "mu.verbs.plan",
    "audit": "mu.verbs.audit",
    "calibrate": "mu.verbs.calibrate",
    "tune": "mu.verbs.tune",
    "list": "mu.verbs.listing",
    "explain": "mu.verbs.explain",
    "data": "mu.verbs.data",
    "report": "mu.verbs.report",
    "weights": "mu.verbs.weights",
    "reproduce": "mu.verbs.reproduce",
    "track": "mu.verbs.track",
    "store": "mu.verbs.store",
    "doctor": "mu.verbs.doctor",
    "completion": "mu.verbs.completion",
}
