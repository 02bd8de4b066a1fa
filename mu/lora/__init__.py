"""Low-rank adapters: layers, where they go, their groups, and how they leave again.

One method uses them: `mu.unlearning.gs_lora`.
"""
