"""What the practice of peer review expects of whole stories: events in, facts, measures and signals out."""
