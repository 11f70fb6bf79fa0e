"""One router a module; `app.api.application` lists them."""
