"""What our models are measured against, made by the same recipes: a subword model, and the teacher fine-tuned."""
