"""Rules as pure functions over values: no ORM, no I/O, no clock, no asyncio."""
