"""What is spent, by whom and since when: pure arithmetic over rollups and ledgers."""
