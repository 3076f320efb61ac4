"""Programs of users, each session's in processes of their own."""
