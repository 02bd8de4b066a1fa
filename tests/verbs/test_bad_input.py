"""Bad data, models and files through the command line: one line that names it, no results."""

import numpy as np
import pytest
from PIL import Image

WORDS = (
    *("run", "experiment=orl_faces", "mode=smoke", "requests=random_10", "methods=ssd"),
    *("data=image_folder", "data.image_size=16", "compute.workers=0", "compute.progress=false"),
)


@pytest.fixture
def folder(tmp_path):
    """Three classes of eight coloured pictures, 20 × 20."""
    rng = np.random.default_rng(0)
    for label in range(3):
        (tmp_path / f"pictures/c{label}").mkdir(parents=True)
        for number in range(8):
            pixels = rng.integers(0, 255, (20, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"pictures/c{label}/{number}.png")
    return tmp_path / "pictures"


@pytest.fixture
def refused(mu, folder, tmp_path):
    """Run on the folder with more words; what is said, once nothing was left behind."""

    def run(*words, **environment):
        changed = {word.partition("=")[0] for word in words}
        kept = [word for word in WORDS if word.partition("=")[0] not in changed]
        pictures = [] if "data.folder" in changed else [f"data.folder={folder}"]
        found = mu(*kept, *pictures, *words, store=tmp_path / "store", **environment)
        assert found.code == 2, found.out + found.err
        assert found.err.startswith("mu: ")
        assert found.err.count("\n") == 1
        assert not found.folder.exists()
        assert not list((tmp_path / "store").glob("fit/*"))
        return found.err

    return run


def test_the_folder_itself_is_fine(mu, folder, tmp_path):
    found = mu(*WORDS, f"data.folder={folder}", store=tmp_path / "store")
    assert found.code == 0, found.err
    assert (tmp_path / "out/forget_sets/random_10_0.txt").is_file()


def test_a_class_without_images(refused, folder):
    for path in (folder / "c1").iterdir():
        path.unlink()
    assert "class 'c1' has no images" in refused()


def test_a_file_that_is_no_image(refused, folder):
    (folder / "c2/3.png").write_text("no image")
    assert "c2/3.png" in refused()


def test_a_size_that_does_not_fit_the_network(refused):
    assert "image_size=15 is not a multiple of 4" in refused("data.image_size=15")


def test_patches_that_do_not_fit_the_image(refused):
    words = ("model=vit_tiny", "model.network.patch_size=5")
    assert "patch_size=5 does not cut 16 pixels" in refused(*words)


def test_an_unknown_timm_model(refused):
    assert "'resnet999'" in refused("model=timm", "model.network.name=resnet999")


def test_a_timm_model_without_a_name(refused):
    assert "set model.network.name" in refused("model=timm")


def test_data_that_are_not_there(refused, tmp_path):
    assert str(tmp_path / "nowhere") in refused(f"data.folder={tmp_path / 'nowhere'}")


def test_ids_of_other_data(mu, refused, folder, tiny):
    path = tiny.folder / "forget_sets/0_class_0.txt"
    assert path.is_file()
    experiment = folder.parent / "mine.yaml"
    experiment.write_text(
        "blocks:\n  - {data: image_folder, model: small_cnn, recipe: digits, seeds: 1,\n"
        "     oracles: 1, methods: [ssd],\n"
        f"     requests: {{named: {{request: ids, path: '{path}'}}}}}}\n"
    )
    said = refused(f"experiment={experiment}", "requests=named")
    assert "was written for other data" in said
    fingerprints = {card["fingerprint"] for card in tiny.cards if card["block"] == 0}
    assert fingerprints.pop() in said


def test_a_wrong_score_is_named_before_anything_is_trained(refused, tmp_path):
    (tmp_path / "own/evaluation").mkdir(parents=True)
    (tmp_path / "own/evaluation/mine.yaml").write_text(
        "batch_size: 8\nscores:\n  ua: {_target_: mu.evaluation.accuracy.UnlearningAccuracy}\n"
        "derived:\n  gap: {_target_: mu.evaluation.derived.AverageGap}\nheadline: [ua]\n"
    )
    assert "AverageGap" in refused("evaluation=mine", MU_CONFIGS=tmp_path / "own")


def test_an_exported_set_is_asked_for_again(mu, tiny, tiny_words):
    path = tiny.folder / "forget_sets/0_class_0.txt"
    words = [w for w in tiny_words if not w.startswith(("requests", "experiment"))]
    found = mu("run", "experiment=sequence", *words, f"requests={path}")
    assert found.code == 0, found.err
    card = found.card("ssd", request="0_class_0")
    assert card["forget_digest"] == tiny.card("ssd", request="class")["forget_digest"]
    assert card["values"]["ua"] == tiny.card("ssd", request="class")["values"]["ua"]


def test_a_file_of_ids_that_is_not_there(refused, tmp_path):
    assert "none.txt" in refused(f"requests={tmp_path / 'none.txt'}")


def test_a_class_that_is_none(refused):
    said = refused("requests=person", "request.label=99")
    assert "no samples have class 99; classes are 0 to 2" in said
