"""What surrounds every request: the Flask class, guard, compression, request log, error handlers and waiting room."""
