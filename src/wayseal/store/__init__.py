"""Floor 2: where rows and sealed bytes are kept. It never sees a plaintext picture, template or plate."""
