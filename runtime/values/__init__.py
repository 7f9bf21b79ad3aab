"""Values on their way: pickled with their buffers beside, sealed, in chunks, verified and read."""
