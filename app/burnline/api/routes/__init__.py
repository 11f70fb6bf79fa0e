"""One router a module; `burnline.api.application` lists them."""
