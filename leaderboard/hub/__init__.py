"""The Hub: facts of repositories, downloads, dataset repositories, discussions, cards."""
