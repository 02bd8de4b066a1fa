"""Which figures a page has, in which order they are drawn, and what is written below them."""

from collections.abc import Callable, Sequence

from mu.reporting.layout import sequences
from mu.reporting.pictures import classes, figures, layers, roc, spread, trajectory
from mu.reporting.pictures import graphs as graph_pictures
from mu.reporting.pictures import search as search_picture
from mu.reporting.pictures.look import Looks, looks
from mu.reporting.section import Section
from mu.results.results import Results

# Characters of SVG after which no further section is drawn; text and tables need the rest.
FIGURE_BUDGET = 1_800_000
Draw = Callable[[Section, Looks], str]
MAIN: dict[str, Draw] = {
    "forest": figures.forest,
    "utility": figures.utility,
    "tradeoff": figures.tradeoff,
}
MORE: dict[str, Draw] = {
    "search": search_picture.search_history,
    "classes": classes.classes,
    "layers": layers.selected_layers,
    "trajectory": trajectory.trajectory,
    "losses": trajectory.loss_curves,
    "roc": roc.roc,
    "histograms": spread.histograms,
    "loss_histograms": spread.loss_histograms,
    "memorisation": spread.memorised,
    "embedding": graph_pictures.embedding,
}
KINDS = (*MAIN, *MORE)
CAPTIONS = {
    "forest": "Gap to the oracle with its 95 % interval. 0 is the oracle; ticks in its line: each "
    "oracle beside the mean of its pair; null: one more retrained model. So much another seed "
    "gives. The shaded strip is what may be left of the original's gap, and the "
    "margin of accuracies; an arrow and a number: far outside. random_weights is not drawn.",
    "utility": "Utility with its 95 % interval; line and strip: the oracle. random_weights is not "
    "drawn.",
    "tradeoff": "Gap in forgetting against gap in utility, with intervals. The nearer to the "
    "star the better; marker area and per cent: passes relative to retraining.",
    "sequence": "The whole sequence: scores over its steps with 95 % intervals; dashed: the oracle "
    "of each step. What was forgotten before must not come back.",
    "trajectory": "Accuracy during unlearning, on a fixed sample of each part, for methods that "
    "train. Thick: mean over the pairs; thin: each pair. Horizontal lines: original and oracle on "
    "the whole part, where a score measures it.",
    "layers": "Where a method selected parameters: per cent of each tensor, in the order of the "
    "network. Line: mean over the pairs; band, where few methods are drawn: all pairs. Linear "
    "below 0.1 %, logarithmic above.",
    "search": "The search for the set, one line a pair. Left: mean loss of the set once the lower "
    "level has forgotten it; dashed and dotted: the set of one pass and a random one, forgotten by "
    "the same lower level. Right: how much of each new set was in the first and in the last one.",
    "losses": "Loss during unlearning, drawn like the accuracy.",
    "roc": "The loss attack: how many forgotten samples it calls members (up), where it wrongly "
    "calls so many unseen samples of the same classes (across); both axes logarithmic. The target "
    "is the oracle's line. Thick: mean over the pairs; thin: each pair; 0 lies on the lower edge.",
    "histograms": "How the probabilities of forgotten, retained and unseen pairs are spread, means "
    "over the pairs of seed and forget set; shares on a logarithmic axis. The target is the "
    "oracle's panel: forgotten edges left of its place are over-forgotten.",
    "loss_histograms": "How the losses of forgotten, retained and test samples are spread, means "
    "over the pairs; both axes logarithmic. The target is the oracle's panel.",
    "memorisation": "What is memorised of single samples: probability of the true class, minus its "
    "mean over oracles. The original's panel is the memorisation of the set; a method should look "
    "like the oracle, and like the test samples, which nobody was trained on.",
    "embedding": "Some nodes on the two main axes of each model's own embeddings, first pair; "
    "models trained anew may be turned or mirrored.",
}


def figures_of(
    results: Results, sections: Sequence[Section], visible: Sequence[Section]
) -> tuple[dict[str, str], bool]:
    """The figures of a page until the budget is spent: the main ones of every section first.

    Args:
        results: What ``results.json`` holds.
        sections: All its sections.
        visible: Those that get figures.

    Returns:
        SVG by kind and section (``forest-b0-class-1``), and whether all were drawn.
    """
    style = looks(results)
    drawn: dict[str, str] = {}
    for group in sequences(list(sections)).values():
        drawn[f"sequence-{group[0].key}"] = figures.sequence(group, style)
    for kinds in (MAIN, MORE):
        for section in visible:
            if sum(map(len, drawn.values())) > FIGURE_BUDGET:
                return drawn, False
            for kind, draw in kinds.items():
                drawn[f"{kind}-{section.key}"] = draw(section, style)
    return {name: picture for name, picture in drawn.items() if picture}, True
