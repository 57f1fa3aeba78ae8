import KuklaFormats
import KuklaNumerics
import KuklaText

/// Posts of named groups, and articles for ESA.
struct ExplicitPosts: Sendable {
    let training: [LabelledText]
    let test: [LabelledText]
    /// The groups in order of their names.
    let concepts: [Concept]
    /// The number of the group of each test post.
    let testGroups: [Int]
    let articles: [(title: String, text: String)]

    init(_ bench: StudyBench) throws(KuklaError) {
        let all = try bench.newsgroups()
        // The same posts whatever the seed.
        var random = RandomSource(seed: 1708)
        func sample(_ posts: [NewsgroupPost], _ count: Int) -> [LabelledText] {
            random.sample(min(count, posts.count), below: posts.count).map {
                LabelledText(text: posts[$0].text, labels: ["": [posts[$0].group]])
            }
        }
        training = sample(all.training, bench.choose(quick: 100, full: .max))
        test = sample(all.test, bench.choose(quick: 40, full: 1_000))
        let names = Set(all.training.map(\.group)).sorted()
        concepts = names.map { Concept($0) }
        testGroups = test.map { names.firstIndex(of: $0.labels[""]?.first ?? "") ?? -1 }
        articles = try bench.wikiArticles()
    }

    func group(of post: LabelledText) -> String { post.labels[""]?.first ?? "" }
}
