"""English words that sound alike."""

from __future__ import annotations

_SETS = (
    "their there they're,your you're,its it's,to too two,for four fore,by buy bye,no know,new knew,right write rite,"
    "here hear,see sea,be bee,one won,son sun,our hour,are r,would wood,which witch,whether weather,where wear ware,"
    "who's whose,than then,of off,were we're,weak week,meet meat,piece peace,plain plane,main mane,male mail,"
    "sale sail,tale tail,pale pail,made maid,wait weight,way weigh,great grate,break brake,steak stake,wrap rap,"
    "write right,night knight,need knead,not knot,nose knows,hole whole,role roll,road rode rowed,sole soul,"
    "pole poll,board bored,course coarse,court caught,source sauce,floor flaw,more moor,poor pour,door dore,war wore,"
    "worn warn,fair fare,bare bear,pair pear,hair hare,stair stare,air heir,deer dear,pier peer,beer bier,"
    "steel steal,feet feat,sweet suite,real reel,heel heal,seen scene,seem seam,team teem,beat beet,read reed,"
    "red read,led lead,bread bred,said sed,cell sell,cent sent scent,sight site cite,sign sine,time thyme,mind mined,"
    "find fined,by bi,die dye,tied tide,side sighed,high hi,eye i,aloud allowed,through threw,blue blew,due do dew,"
    "flu flew,root route,shoot chute,some sum,none nun,done dun,sunday sundae,ate eight,fate fete,days daze,"
    "praise prays,raise rays,prince prints,presence presents,patience patients,principal principle,"
    "stationary stationery,council counsel,complement compliment,affect effect,accept except,advice advise,"
    "device devise,desert dessert,personal personnel,moral morale,passed past,mist missed,guest guessed,band banned,"
    "build billed,cereal serial,current currant,flower flour,idle idol,key quay,lesson lessen,medal meddle,"
    "metal mettle,muscle mussel,profit prophet,rain reign rein,rough ruff,saw sore,sea see,shore sure,story storey,"
    "straight strait,thrown throne,toe tow,vein vain,waist waste,wave waive,ball bawl,call caul,hall haul,all awl,"
    "horse hoarse,man men,woman women,in an,and end,this these,been bean,him hymn,hour our,cats cat's,boys boy's"
)


def _sounds() -> dict[str, tuple[str, ...]]:
    """Return, for each word, the others of all its sets."""
    found: dict[str, dict[str, None]] = {}
    for words in (line.split() for line in _SETS.split(",")):
        for word in words:
            found.setdefault(word, {}).update(dict.fromkeys(other for other in words if other != word))
    return {word: tuple(others) for word, others in found.items()}


HOMOPHONES: dict[str, tuple[str, ...]] = _sounds()
