"""The cache: what is hot, kept outside of the process as well. The journal is the truth; nothing here is needed."""
