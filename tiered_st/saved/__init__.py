"""Find a saved model and read what its files say, without torch and without running anything.

In: what a model is called. Out: its folder, settings and weights. Way: ``hub`` (a shipped name, a folder, or a name on
the hub, by ``hub_download``) → ``model_folder`` (modules.json) → ``saved_model`` → ``saved_weights``.
"""
