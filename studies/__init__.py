"""Study files that ship with SWaST, one TOML file each, and the studies of SWaST itself."""
