"""The rungs: each module measures one thing against another."""
