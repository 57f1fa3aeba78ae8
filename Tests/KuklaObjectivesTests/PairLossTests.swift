import KuklaObjectives
import Testing
