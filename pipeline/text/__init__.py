"""Texts as literals and mentions, names and how they are written, tokens with offsets, chats."""
