import KuklaText

/// Figures of arms at sizes, one for each seed.
struct ArmFigures {
    private var each: [String: [[ModelSize: Double]]] = [:]

    /// Adds those of the next seed.
    mutating func add(_ name: String, _ figures: [ModelSize: Double]) {
        each[name, default: []].append(figures)
    }

    /// Of all seeds; NaN where a size was not measured.
    func values(_ name: String, _ size: ModelSize) -> [Double] {
        (each[name] ?? []).map { $0[size] ?? .nan }
    }

    func mean(_ name: String, _ size: ModelSize) -> Double { Spread(values(name, size)).mean }

    /// What one arm has over another, seed by seed.
    func gains(of name: String, over other: String, at size: ModelSize) -> Spread {
        Spread(zip(values(name, size), values(other, size)).map { $0 - $1 }, decimals: 2)
    }

    /// The mean as a cell.
    func cell(_ name: String, _ size: ModelSize) -> StudyTable.Cell { .number(mean(name, size), decimals: 2) }
}
