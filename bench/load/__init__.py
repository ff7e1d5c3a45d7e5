"""`make load`: drivers come for a quarter of an hour at 80 % of what the platform can take, on MariaDB and the broker.

First a closed loop finds the capacity, then visits come by chance (Poisson) at a share of it, whether or not the earlier ones
are done: a slow answer delays no other driver, and latency counts from when an act should have begun. Afterwards: no
error, every message had its effect, no process grew; percentiles by kind of act as a table and a picture.
"""
