"""Study files that ship with SWaST, one TOML file each."""
