import KuklaNumerics

/// Evolution of a width for each field, by a score of the whole vector of widths.
///
/// The best 15 of all rounds are parents; each round makes 10 mutants (every width drawn anew with probability 0.1) and 10 children of two parents,
/// cut at one place between fields. Under a limit, widths are lowered at random until `sum of counts_f k_f` keeps to it. Parents are never
/// changed, and a vector that was scored before is not scored again.
///
/// Differs from the authors' code, which changes parents in place, cuts children by components, and never draws the full width.
struct WidthEvolution {
    /// Rows of each field.
    let counts: [Int]
    let most: Int
    let limit: Int?
    let population: Int
    let rounds: Int
    /// Whether all components, as far as the limit allows, are tried before chance is.
    let startsFull: Bool
    var random: RandomSource
    private var scores: [[Int]: Double] = [:]

    init(
        counts: [Int], most: Int, limit: Int?, population: Int, rounds: Int, startsFull: Bool,
        random: RandomSource
    ) {
        self.counts = counts
        self.most = most
        self.limit = limit
        self.population = population
        self.rounds = rounds
        self.startsFull = startsFull
        self.random = random
    }

    /// The widths of the highest score that was found.
    mutating func run(
        report: (String) -> Void, score: ([Int]) throws(KuklaError) -> Double
    ) throws(KuklaError) -> [Int] {
        var generation = startsFull ? [Self.narrowed(counts.map { _ in most }, counts, limit: limit)] : []
        while generation.count < population { generation.append(within(counts.map { _ in gene() })) }
        var parents: [[Int]] = []
        for round in 0...rounds {
            for widths in generation where scores[widths] == nil { scores[widths] = try score(widths) }
            parents = Array(Set(parents + generation).sorted(by: precedes).prefix(15))
            report("round \(round): widths \(parents[0]), score \(scores[parents[0]] ?? 0)")
            generation = (0..<10).map { _ in mutant(of: pick(parents)) }
            generation += (0..<10).map { _ in child(of: pick(parents), pick(parents)) }
        }
        return parents[0]
    }

    // A higher score first; of equal ones the smaller, then the order of the numbers, so that sets cannot decide.
    private func precedes(_ a: [Int], _ b: [Int]) -> Bool {
        let (x, y) = (scores[a] ?? 0, scores[b] ?? 0)
        if x != y { return x > y }
        let (m, n) = (Self.floats(a, counts), Self.floats(b, counts))
        return m != n ? m < n : a.lexicographicallyPrecedes(b)
    }

    private mutating func gene() -> Int { Int.random(in: 1...most, using: &random) }

    private mutating func pick(_ parents: [[Int]]) -> [Int] {
        parents[Int.random(in: 0..<parents.count, using: &random)]
    }

    private mutating func mutant(of parent: [Int]) -> [Int] {
        var widths = parent
        for i in widths.indices where random.uniform() < 0.1 { widths[i] = gene() }
        return within(widths)
    }

    private mutating func child(of a: [Int], _ b: [Int]) -> [Int] {
        guard a.count > 1 else { return a }
        let cut = Int.random(in: 1..<a.count, using: &random)
        return within(Array(a[..<cut] + b[cut...]))
    }

    // Lowers widths of random fields until they keep to the limit.
    private mutating func within(_ widths: [Int]) -> [Int] {
        guard let limit else { return widths }
        var widths = widths
        while Self.floats(widths, counts) > limit {
            let open = widths.indices.filter { widths[$0] > 1 && counts[$0] > 0 }
            guard !open.isEmpty else { break }
            let field = open[Int.random(in: 0..<open.count, using: &random)]
            widths[field] = Int.random(in: 1..<widths[field], using: &random)
        }
        return widths
    }

    private static func floats(_ widths: [Int], _ counts: [Int]) -> Int {
        zip(widths, counts).reduce(0) { $0 + $1.0 * $1.1 }
    }

    /// `widths`, the widest field's one less again and again until they keep to the limit.
    static func narrowed(_ widths: [Int], _ counts: [Int], limit: Int?) -> [Int] {
        guard let limit else { return widths }
        var widths = widths
        while floats(widths, counts) > limit {
            let open = widths.indices.filter { widths[$0] > 1 && counts[$0] > 0 }
            guard let field = open.max(by: { widths[$0] * counts[$0] < widths[$1] * counts[$1] }) else {
                break
            }
            widths[field] -= 1
        }
        return widths
    }
}
