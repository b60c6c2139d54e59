"""The benchmark's orchestrator: standard library only, so that it runs wherever Python 3.11 does."""
