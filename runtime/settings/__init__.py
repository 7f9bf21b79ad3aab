"""Settings: the layers that they come from, the file beside the manifest, their values and what they mean."""
