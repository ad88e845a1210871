"""Hold the numbers by which ids are hashed: saved models and tables depend on them, in torch and without it."""

# Odd multipliers, so that polynomial hashes of ids are invertible modulo 2**64, and a finaliser's constants.
BASE = 0x9E3779B97F4A7C15
INVERSE = pow(BASE, -1, 1 << 64)  # by which a power of it is undone
MIX_1, MIX_2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
