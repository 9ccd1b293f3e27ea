"""The verifier: asks one question, checks one answer, keeps the verdict and nothing else."""
