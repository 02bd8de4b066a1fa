"""The methods of configs/method, and which of the tiny problems each of them serves."""

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


def method(name):
    return build(options_of(yaml.safe_load(METHODS[name].read_text())))


def serves(name, problem):
    declared = method(name).requests
    transformer = "transformer" in method(name).architectures
    return (not declared or KINDS[problem] in declared) and transformer == (problem == "patches")
