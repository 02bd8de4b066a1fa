"""Names that stay the same in every dashboard, for the scores of all panels."""

from __future__ import annotations

PARTS = ("forget", "before", "retain", "validation", "test")
DISTANCES = ("kl", "js", "agreement", "activation")

NAMES: dict[str, str] = {
    "ua": "forget/accuracy",
    "fa": "forget/accuracy",
    "before": "before/accuracy",
    "ra": "retain/accuracy",
    "va": "validation/accuracy",
    "ta": "test/accuracy",
    "ta_forgotten": "test/accuracy_forgotten",
    "mia": "attack/mia",
    "mia_entropy": "attack/mia_entropy",
    "mia_threshold": "attack/mia_threshold",
    "loss_auc": "attack/auc",
    "entropy_auc": "attack/auc_entropy",
    "loss_cv": "attack/loss_cv",
    "loss_cv_interval": "attack/loss_cv_interval",
    "zrf": "forget/zrf",
    "df_auc": "forget/auc",
    "df_test_auc": "forget/auc_vs_test",
    "df_probability": "forget/probability",
    "dr_shift": "retain/probability_shift",
    "dt_auc": "test/auc",
    **{f"{kind}_{part}": f"{part}/{kind}" for kind in DISTANCES for part in PARTS},
}
COMPLEMENTS = ("ua",)  # panels count errors there, dashboards accuracies


def public(name: str) -> str:
    """The name of a panel's score in W&B; a score without one goes under ``score/``.

    >>> public("ua"), public("kl_retain"), public("cost/passes"), public("my_score")
    ('forget/accuracy', 'retain/kl', 'cost/passes', 'score/my_score')
    """
    return name if name.startswith("cost/") else NAMES.get(name, f"score/{name}")


def shown(name: str, value: float) -> float:
    """The value of a panel's score under its public name.

    >>> shown("ua", 0.25), shown("ra", 0.25)
    (0.75, 0.25)
    """
    return 1.0 - value if name in COMPLEMENTS else value
