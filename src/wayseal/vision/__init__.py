"""Floor 3: from a stream to the people, seats and plate of one vehicle, in memory. It writes nothing and knows no traveller."""
