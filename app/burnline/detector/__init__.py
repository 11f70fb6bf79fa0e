"""The learned rules over the topic `usage`: a second stage beside the workers, with a progress of its own."""
