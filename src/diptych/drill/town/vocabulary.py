"""The words that the town's names and places are made of, with what makes French civil status hard.

Particles, apostrophes, ligatures, diaereses, hyphens, names that are given names elsewhere, communes that merged,
overseas departments and collectivities with codes of their own, births abroad. All of it public knowledge; every
name that is made of them carries a mark and belongs to nobody.
"""

FAMILY = (
    "Martin", "Bernard", "Thomas", "Petit", "Robert", "Richard", "Durand", "Dubois", "Moreau", "Laurent", "Simon",
    "Michel", "Lefèvre", "Leroy", "Roux", "David", "Bertrand", "Morel", "Fournier", "Girard", "Bonnet", "Dupont",
    "Lambert", "Fontaine", "Rousseau", "Vincent", "Müller", "Lefebvre", "Faure", "André", "Mercier", "Guérin",
    "Boyer", "Garnier", "Chevalier", "François", "Legrand", "Gauthier", "Garcia", "Perrin", "Robin", "Clément", "Morin",
    "Nicolas", "Henry", "Roussel", "Mathieu", "Gautier", "Masson", "Marchand", "Duval", "Denis", "Dumont", "Marie",
    "Lemaire", "Noël", "Meyer", "Dufour", "Meunier", "Brun", "Blanchard", "Giraud", "Joly", "Rivière", "Lucas",
    "Gaillard", "Barbier", "Arnaud", "Martinez", "Gérard", "Roche", "Renard", "Schmitt", "Roy", "Leroux", "Colin",
    "Vidal", "Caron", "Picard", "Roger", "Fabre", "Aubert", "Lemoine", "Renaud", "Dumas", "Lacroix", "Olivier",
    "Philippe", "Bourgeois", "Pierre", "Benoît", "Rey", "Leclerc", "Payet", "Rolland", "Leclercq", "Guillaume",
    "Lecœur", "Saint-Aÿ", "Nguyễn", "Traoré", "N'Diaye", "O'Brien", "Kœnig", "Çelik", "Šimić", "Ben Amor",
)  # fmt: skip
PARTICLES = ("de ", "de La ", "d'", "du ", "des ", "Le ", "de L'", "von ", "El ", "Van den ")
GIVEN = (
    "Marie", "Jean", "Pierre", "Michel", "André", "Jeanne", "Philippe", "Louis", "René", "Alain", "Jacques", "Bernard",
    "Marcel", "Daniel", "Roger", "Françoise", "Monique", "Catherine", "Nathalie", "Isabelle", "Jacqueline", "Anne",
    "Sylvie", "Martine", "Madeleine", "Nicole", "Suzanne", "Hélène", "Christine", "Marguerite", "Denise", "Louise",
    "Christiane", "Yvonne", "Valérie", "Sophie", "Sandrine", "Stéphanie", "Céline", "Chloé", "Léa", "Manon", "Inès",
    "Zoé", "Maël", "Gaël", "Loïc", "Noémie", "Aïcha", "Mohamed", "Fatoumata", "Jean-Baptiste", "Anne-Sophie",
    "Marie-Thérèse", "Jean-François", "Zéphyrine", "Ézéchiel", "Maÿlis", "Cœur-de-Lys", "François-Xavier", "Óscar",
)  # fmt: skip
COMMUNES = (
    ("Paris", "75"), ("Marseille", "13"), ("Lyon", "69"), ("Toulouse", "31"), ("Nice", "06"), ("Nantes", "44"),
    ("Montpellier", "34"), ("Strasbourg", "67"), ("Bordeaux", "33"), ("Lille", "59"), ("Rennes", "35"), ("Reims", "51"),
    ("Saint-Étienne", "42"), ("Toulon", "83"), ("Le Havre", "76"), ("Dijon", "21"), ("Angers", "49"),
    ("Nîmes", "30"), ("Aix-en-Provence", "13"), ("Brest", "29"), ("Le Mans", "72"), ("Amiens", "80"), ("Tours", "37"),
    ("Ajaccio", "2A"), ("Bastia", "2B"), ("L'Haÿ-les-Roses", "94"), ("Fontenay-sous-Bois", "94"), ("Évry", "91"),
    ("Vœuil-et-Giget", "16"), ("Plœmeur", "56"), ("Saint-Brieuc", "22"), ("Villeneuve-d'Ascq", "59"), ("Metz", "57"),
)  # fmt: skip
OVERSEAS = (
    ("Pointe-à-Pitre", "971"), ("Fort-de-France", "972"), ("Cayenne", "973"), ("Saint-Denis", "974"),
    ("Mamoudzou", "976"), ("Nouméa", "988"), ("Papeete", "987"),
)  # fmt: skip
ABROAD = (("Alger", "99352"), ("Casablanca", "99350"), ("Porto", "99139"), ("Bruxelles", "99131"), ("Đà Nẵng", "99243"))
STREETS = ("rue des Écluses", "allée du Pré-aux-Clercs", "chemin de l'Œuf", "place d'Armes", "quai Sainte-Croix")
