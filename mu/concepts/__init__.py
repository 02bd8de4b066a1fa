"""What a class looks like in words, which class looks like it, and where in an image that is.

One method uses them, `mu.unlearning.concept_poisoning`, and of them `concept_map` and `edit` alone.
The rest finds the concepts beforehand and is for Python users: docs/methods/concept_poisoning.md.
"""
