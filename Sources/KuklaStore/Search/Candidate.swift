/// An item that a search by text found.
struct TextMatch {
    let sequence: Int64
    let score: Float
}

/// An item that was found and has not been fetched.
struct Candidate {
    let sequence: Int64
    var score: Float
    var distance: Float?
    var vectorRank: Int?
    var textRank: Int?

    init(sequence: Int64, score: Float) {
        self.sequence = sequence
        self.score = score
    }

    init(_ item: ScoredItem, rank: Int) {
        self.init(sequence: item.sequence, score: item.score)
        distance = item.distance
        vectorRank = rank
    }

    /// The lists by vector and by text in one.
    static func fused(
        _ near: [ScoredItem], _ matching: [TextMatch], count k: Int, isHybrid: Bool
    ) -> [Candidate] {
        var all: [Int64: Candidate] = [:]
        for (place, item) in near.enumerated() { all[item.sequence] = Candidate(item, rank: place + 1) }
        for (place, match) in matching.enumerated() {
            all[match.sequence, default: Candidate(sequence: match.sequence, score: match.score)].textRank =
                place + 1
        }
        var list = Array(all.values)
        if isHybrid {
            for place in list.indices {
                let ranks = [list[place].vectorRank, list[place].textRank].compactMap(\.self)
                list[place].score = ranks.reduce(0) { $0 + 1 / Float(60 + $1) }
            }
        }
        list.sort { $0.score > $1.score || ($0.score == $1.score && $0.sequence < $1.sequence) }
        return Array(list.prefix(k))
    }
}
