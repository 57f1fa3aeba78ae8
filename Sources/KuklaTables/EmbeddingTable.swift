import KuklaNN
