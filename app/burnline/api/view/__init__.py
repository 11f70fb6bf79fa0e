"""What is read from Redis and kept in the process: answers that no request has to wait for."""
