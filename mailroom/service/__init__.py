"""The long-lived process: when a cycle begins, what is told of it, how it ends, and whether it is well."""
