"""Where hosted models may be, and the keys that the operator keeps for them: asked by the intake and by the relay."""
