"""`burnline up`: a whole deployment on one machine under one supervisor, with data that survive it."""
