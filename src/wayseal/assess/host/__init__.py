"""The probes that look from inside the host. Importing a module of this package registers its parts."""
