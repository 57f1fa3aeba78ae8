public import KuklaFormats
public import KuklaNumerics
public import KuklaText

/// Texts, what is known of their concepts, and which of them are relevant to each other.
public struct ConceptExamples: Sendable {
    public let concepts: [Concept]
    /// All different texts.
    let texts: [String]
    /// Numbers of the concepts of each text; empty where none are known.
    let known: [[Int]]
    /// Numbers of two texts that are relevant to each other.
    let pairs: [[Int]]
    let byConcept: [[Int]]

    /// - Parameters:
    ///   - concepts: the dimensions; where empty, all labels in order of their names.
    ///   - labelled: texts with labels (those without aspect) that are names of concepts. A description of a concept is a text of it.
    ///   - pairs: texts that are relevant to each other; drawn by concept where empty.
    /// - Throws: `KuklaError.badData`: a label that is no concept, fewer than two concepts, no text whose concepts are known.
    public init(
        concepts given: [Concept], labelled: [LabelledText], pairs rows: [[String]] = []
    ) throws(KuklaError) {
        let names = Set(labelled.flatMap { $0.labels[""] ?? [] })
        let concepts = given.isEmpty ? names.sorted().map { Concept($0) } : given
        let places = Dictionary(
            uniqueKeysWithValues: concepts.enumerated().map { ($0.element.name, $0.offset) })
        if let unknown = names.filter({ places[$0] == nil }).min() {
            throw KuklaError(
                .badData,
                "Cannot train: the label '\(unknown)' is none of the \(concepts.count) concepts. Add it to the concepts, or leave --concepts out."
            )
        }
        guard concepts.count > 1 else {
            throw KuklaError(
                .badData,
                "Cannot train: expected two concepts or more, found \(concepts.count). Give labelled texts (\"text\", \"labels\": [names]), or concepts with descriptions."
            )
        }
        var numbers: [String: Int] = [:]
        var texts: [String] = []
        var known: [Set<Int>] = []
        func number(_ text: String) -> Int {
            if let number = numbers[text] { return number }
            numbers[text] = texts.count
            texts.append(text)
            known.append([])
            return texts.count - 1
        }
        for text in labelled {
            known[number(text.text)].formUnion((text.labels[""] ?? []).compactMap { places[$0] })
        }
        for (place, concept) in concepts.enumerated() where concept.description != nil {
            known[number(concept.text)].insert(place)
        }
        pairs = rows.map { [number($0[0]), number($0[1])] }
        guard known.contains(where: { !$0.isEmpty }) else {
            throw KuklaError(
                .badData,
                "Cannot train: no text's concepts are known, so that names would mean nothing. Give --labelled texts, or descriptions in --concepts."
            )
        }
        self.concepts = concepts
        self.texts = texts
        self.known = known.map { $0.sorted() }
        var byConcept = [[Int]](repeating: [], count: concepts.count)
        for (text, own) in known.enumerated() { for concept in own { byConcept[concept].append(text) } }
        self.byConcept = byConcept
    }

    /// Texts to judge by, and rows of the others: of two texts, or of one whose partner is drawn by concept.
    func split(heldOut share: Double, seed: UInt64) -> (rows: [[Int]], heldOut: [Int]) {
        var random = RandomSource(seed: seed &+ 0x5E5A)
        let labelled = texts.indices.filter { !known[$0].isEmpty }
        let count = min(Int(Double(labelled.count) * share), 1_000)
        let heldOut = random.sample(count, below: labelled.count).map { labelled[$0] }.sorted()
        let kept = Set(heldOut)
        let rows = pairs.isEmpty ? [] : pairs.filter { !kept.contains($0[0]) && !kept.contains($0[1]) }
        // Labelled texts count also where pairs are given: they say what names mean.
        let paired = Set(rows.joined())
        return (rows + labelled.filter { !kept.contains($0) && !paired.contains($0) }.map { [$0] }, heldOut)
    }
}
