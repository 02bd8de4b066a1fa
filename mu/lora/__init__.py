"""What GS-LoRA is made of: low-rank adapters, their groups, prototypes, replayed samples."""
