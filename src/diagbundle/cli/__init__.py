"""The roof: joins the rooms, speaks, ends with a code."""
