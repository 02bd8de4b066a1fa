"""The methods of configs/method, and which of the tiny problems each of them serves."""

from functools import cache

import yaml

from mu.configuration.choices import choices, options_of
from mu.data.build import build

# A method that wants a file of the user's has tests of its own.
METHODS = {
    name: path
    for name, path in choices("method").items()
    if "???" not in yaml.safe_load(path.read_text()).values()
}
KINDS = {"images": "samples", "patches": "samples", "nodes": "nodes", "links": "edges"}
MOST_EPOCHS = 100  # what is asked of every method is the same after 100 as after the published 1500


@cache
def _options(name):
    found = options_of(yaml.safe_load(METHODS[name].read_text()))
    most = {"epochs": min(found["epochs"], MOST_EPOCHS)} if "epochs" in found else {}
    return found | most


def method(name):
    return build(_options(name))


def serves(name, problem):
    found = method(name)
    declared, transformer = found.requests, "transformer" in found.architectures
    return (not declared or KINDS[problem] in declared) and transformer == (problem == "patches")
