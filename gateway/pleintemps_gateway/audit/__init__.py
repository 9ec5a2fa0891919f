"""What people and rules have done to bookings, codes and doors: a log that is proved, and forgets people."""
