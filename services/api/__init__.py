"""The one service interface: Protocols, values, money and errors. The only part of services the UI may see."""
